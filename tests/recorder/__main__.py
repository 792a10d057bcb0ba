"""`python -m tests.recorder`: record every event of events/ anew."""

from tests.recorder.files import EVENTS, replace_all
from tests.recorder.recording import recorded

if __name__ == "__main__":
    events = recorded()
    replace_all(events)
    print(f"{len(events)} events recorded in {EVENTS}.")
