"""What is done from time to time, and goes on whatever happens."""

import threading

from easel.kit.repeating import repeating

PATIENCE = 15
AN_HOUR = 3600.0


def test_it_comes_again_at_once_while_there_is_more_and_waits_otherwise() -> None:
    calls: list[int] = []
    rests = threading.Event()

    def act(_: threading.Event) -> bool:
        calls.append(len(calls))
        if len(calls) == 3:
            rests.set()
        return len(calls) < 3

    with repeating("test", act, pause=AN_HOUR, away=()):
        assert rests.wait(PATIENCE)
    assert calls == [0, 1, 2]


def test_it_outlives_what_goes_wrong_and_ends_with_its_block() -> None:
    troubles = iter([ConnectionError("away"), ZeroDivisionError("a fault")])
    goes_on = threading.Event()
    told_to_stop: list[threading.Event] = []

    def act(stopping: threading.Event) -> bool:
        for trouble in troubles:
            raise trouble
        told_to_stop.append(stopping)
        goes_on.set()
        return False

    with repeating("test", act, pause=0.001, away=(ConnectionError,)):
        assert goes_on.wait(PATIENCE)
    assert told_to_stop[0].is_set()
    done = len(told_to_stop)
    threading.Event().wait(0.05)
    assert len(told_to_stop) == done
