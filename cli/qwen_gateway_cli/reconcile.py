"""`qwen-gateway reconcile`: one run of reconcile on this machine."""

import time
from typing import Annotated

import typer

from qwen_gateway.config import parse
from qwen_gateway.ledger import Alert
from qwen_gateway.ledger.reconcile import Reconcile, Tables
from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.console import note, refuse, show, show_json
from qwen_gateway_cli.stack import JsonOption, StackOption, require_stack


def reconcile(
    now: Annotated[bool, typer.Option("--now", help="Run now.")] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close what calls that ended early have left behind, as the stack itself does every five minutes.

    A call that was killed holds a part of its key's budget for 25 minutes. Then it gets a record, and its hold is
    charged. The exit status is 1 if a key failed.
    """
    if not now:
        refuse("The stack reconciles its keys every five minutes. To do it now: qwen-gateway reconcile --now")
    gateway = require_stack(stack)
    tables = Tables(
        keys=gateway.keys_table,
        usage=gateway.usage_table,
        retention_days=gateway.usage_retention_days,
        currency=parse(gateway.gateway_config).accounting.currency,
    )
    outcome = Reconcile(gateway.clients.dynamodb, tables, time.time(), _Reporter()).run()
    if as_json:
        show_json(outcome._asdict())
    else:
        show(
            f"Keys: {outcome.keys}. Holds released: {outcome.holds_released}. "
            f"Records abandoned: {outcome.records_abandoned}. Records rolled up: {outcome.records_rolled_up}. "
            f"Periods rolled: {outcome.periods_rolled}."
        )
    if outcome.failed:
        refuse(f"Keys that failed: {outcome.failed}. Repeat the command; what was done stays done.")


class _Reporter:
    def failed(self, key_id: str, failure: Exception) -> None:
        reason = explain_aws_error(failure) if isinstance(failure, AWS_ERRORS) else str(failure)
        note(f"key {key_id}: {reason}")

    def alerted(self, key_id: str, alert: Alert) -> None:
        note(f"key {key_id}: {alert.level} per cent of its budget are spent.")
