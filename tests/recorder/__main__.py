"""`python -m tests.recorder`: record the sample events in events/ again."""

from tests.recorder.files import EVENTS, replace_all
from tests.recorder.recording import record_events

if __name__ == "__main__":
    events = record_events()
    replace_all(events)
    print(f"{len(events)} events recorded in {EVENTS}.")
