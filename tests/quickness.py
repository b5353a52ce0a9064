"""Whether work stays within a bound of seconds: a guard against texts and networks that take for ever, not a measurement."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def assert_quick(seconds: float, work: Callable[[], T]) -> T:
    """What the work gives; it takes less time of this thread than that in one of three tries, as a garbage collection may fall into one."""
    took = []
    for _ in range(3):
        started = time.thread_time()
        result = work()
        took.append(time.thread_time() - started)
        if took[-1] < seconds:
            return result
    raise AssertionError(f"took {', '.join(f'{each:.2f}' for each in took)} s, the bound is {seconds} s")
