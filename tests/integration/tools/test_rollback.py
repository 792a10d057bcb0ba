"""`make rollback` moves every function to the version before its last release, with Lambda emulated by moto."""

import pytest

from tests.integration.tools.deployed_stack import STACK, DeployedStack
from tools import rollback
from tools.rollback import RollbackRefused, roll_back


def test_every_function_of_the_release_goes_back(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")

    assert roll_back(STACK) == ["chat: 2 -> 1", "models: 2 -> 1"]

    assert (stack.live("chat"), stack.live("models")) == ("1", "1")


def test_a_function_that_the_release_did_not_change_stays(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.release("chat")

    chat, models = roll_back(STACK)

    assert chat == "chat: 3 -> 2"
    assert models.startswith("models: stays at 2")
    assert (stack.live("chat"), stack.live("models")) == ("2", "2")


def test_a_second_rollback_goes_one_release_further(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("models")
    stack.release("chat")
    stack.release("chat", "models")

    seen = []
    for _ in range(3):
        roll_back(STACK)
        seen.append((stack.live("chat"), stack.live("models")))

    assert seen == [("2", "2"), ("1", "2"), ("1", "1")]
    with pytest.raises(RollbackRefused, match="Nothing to roll back to"):
        roll_back(STACK)


def test_an_update_without_new_versions_is_not_a_release(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat")
    stack.release()

    assert roll_back(STACK) == ["chat: 2 -> 1"]


def test_a_version_of_a_failed_update_is_passed_over(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat", ends="UPDATE_ROLLBACK_COMPLETE")
    stack.release("chat")

    assert roll_back(STACK) == ["chat: 3 -> 1"]


def test_a_version_that_a_rollback_left_is_passed_over(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat")
    roll_back(STACK)
    stack.release("chat")

    assert roll_back(STACK) == ["chat: 3 -> 1"]
    description = stack.functions.get_alias(FunctionName="gateway-chat", Name="live")["Description"]
    assert description == "Rolled back from: 2, 3"


def test_the_description_stays_below_its_limit(stack: DeployedStack) -> None:
    function = rollback.Function("chat", "chat", 5000, {}, {}, "Rolled back from: " + ", ".join(["4999"] * 20), "r")

    description = rollback.Move(function, 1).description

    assert description.endswith("4999, 5000")
    assert len(description) <= 256


def test_a_function_without_an_earlier_version_stays(stack: DeployedStack) -> None:
    stack.release("chat")
    stack.release("chat", "models")

    chat, models = roll_back(STACK)

    assert chat == "chat: 2 -> 1"
    assert models.startswith("models: stays at 1")


def test_a_function_without_the_alias_is_ignored(stack: DeployedStack) -> None:
    stack.add_function("hook", "SmokeHookFunction")
    stack.release("chat")
    stack.release("chat")

    assert roll_back(STACK) == ["chat: 2 -> 1"]


def test_the_label_is_the_package_of_the_function() -> None:
    assert rollback._make_label("SmokeHookFunction") == "smoke_hook"
