import threading

from lens.warm.timers import cancel_timers


def test_timers_end_and_other_threads_go_on():
    called, released = [], threading.Event()
    timer = threading.Timer(3600, called.append, [1])
    other = threading.Thread(target=released.wait)
    for thread in (timer, other):
        thread.start()
    cancel_timers()
    timer.join()
    assert called == []
    assert other.is_alive()
    released.set()
    other.join()
