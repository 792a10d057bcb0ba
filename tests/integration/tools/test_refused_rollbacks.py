"""A rollback that is refused or that fails moves no alias, or moves the others back."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.integration.tools.deployed_stack import STACK, DeployedStack
from tools.rollback import RollbackRefused, roll_back


def check_nothing_changes(stack: DeployedStack, *words: str) -> None:
    before = (stack.live("chat"), stack.live("models"))
    with pytest.raises(RollbackRefused) as refused:
        roll_back(STACK)
    assert (stack.live("chat"), stack.live("models")) == before
    assert all(word in str(refused.value) for word in words), refused.value


def test_the_first_release_has_nothing_to_roll_back_to(stack: DeployedStack) -> None:
    stack.release("chat", "models")

    check_nothing_changes(stack, "Nothing to roll back to", "chat (version 1)", "models (version 1)")


def test_a_running_canary_is_refused(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    weights: Any = {"AdditionalVersionWeights": {"2": 0.1}}
    stack.functions.update_alias(FunctionName="gateway-chat", Name="live", FunctionVersion="1", RoutingConfig=weights)
    stack.status = "UPDATE_IN_PROGRESS"

    check_nothing_changes(stack, "chat (10% on version 2)", "aws deploy stop-deployment")


def test_a_stack_that_is_being_updated_is_refused(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.status = "UPDATE_IN_PROGRESS"

    check_nothing_changes(stack, "UPDATE_IN_PROGRESS", "cancel-update-stack --stack-name gateway-dev")


def test_a_missing_stack_is_refused(stack: DeployedStack) -> None:
    stack.exists = False

    with pytest.raises(RollbackRefused, match="no stack 'gateway-dev' in region us-east-1"):
        roll_back(STACK)


def test_a_stack_without_functions_is_refused(stack: DeployedStack) -> None:
    stack.release()
    stack.status = "ROLLBACK_COMPLETE"

    with pytest.raises(RollbackRefused, match="ROLLBACK_COMPLETE"):
        roll_back(STACK)


def test_releases_that_cloudformation_has_forgotten_are_refused(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.events = []

    check_nothing_changes(stack, "90 days", "aws lambda update-alias")


class FailingLambda:
    """A client whose changes of aliases fail, `times` of them from the `first` on; `apply` lets them take effect."""

    def __init__(self, client: Any, error: BaseException, first: int, times: int = 1, *, apply: bool = False) -> None:
        self._client = client
        self._error = error
        self._failing = range(first, first + times)
        self._apply = apply
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_alias(self, **request: Any) -> Any:
        self._calls += 1
        if self._calls not in self._failing:
            return self._client.update_alias(**request)
        if self._apply:
            self._client.update_alias(**request)
        raise self._error


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "UpdateAlias")


TIMEOUT = ReadTimeoutError(endpoint_url="https://lambda.us-east-1.amazonaws.com")


@pytest.mark.parametrize(
    ("error", "apply"),
    [(refusal("AccessDeniedException"), False), (TIMEOUT, False), (TIMEOUT, True), (KeyboardInterrupt(), True)],
    ids=["denied", "timeout", "lost response", "interrupted"],
)
def test_if_one_alias_cannot_be_moved_the_others_go_back(
    stack: DeployedStack, error: BaseException, apply: bool
) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    client = stack.functions
    stack.functions = FailingLambda(client, error, 2, apply=apply)  # type: ignore[assignment]

    check_nothing_changes(stack, "models could not be moved", "the version that it had before")
    assert client.get_alias(FunctionName="gateway-chat", Name="live")["Description"] == ""


def test_an_alias_that_changed_meanwhile_is_not_touched(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    recorded = []
    client = stack.functions

    class Changed(FailingLambda):
        def update_alias(self, **request: Any) -> Any:
            recorded.append(request)
            return super().update_alias(**request)

    stack.functions = Changed(client, refusal("PreconditionFailedException"), 1)  # type: ignore[assignment]

    check_nothing_changes(stack, "chat could not be moved", "PreconditionFailedException")
    revision = client.get_alias(FunctionName="gateway-chat", Name="live")["RevisionId"]
    assert [each["RevisionId"] for each in recorded] == [revision]


def test_what_could_not_be_moved_back_is_named(stack: DeployedStack) -> None:
    stack.release("chat", "models")
    stack.release("chat", "models")
    stack.functions = FailingLambda(  # type: ignore[assignment]
        stack.functions, refusal("AccessDeniedException"), 2, times=2
    )

    with pytest.raises(RollbackRefused, match=r"chat \(version 1 instead of 2\?\)"):
        roll_back(STACK)
