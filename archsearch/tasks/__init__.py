"""What is learnt from data: tasks, how an answer is scored, and the data on a device."""

from __future__ import annotations

from archsearch.data import Data
from archsearch.tasks.base import Meter, Task, answers, joint_loss, tally
from archsearch.tasks.classification import Classification
from archsearch.tasks.feed import Feed, Pair, feed_of, measure, part_of, size_of, tiled, views_of
from archsearch.tasks.segmentation import Segmentation

TASKS: dict[str, type[Task]] = {task.name: task for task in (Classification, Segmentation)}


def task_of(data: Data, balanced: bool = False) -> Task:
    """What is to be learnt from these data; `balanced` if all classes are to weigh the same, whatever their number of images or pixels."""
    if not balanced:
        return TASKS[data.task](data.classes)
    counts = data.counts()
    return TASKS[data.task](data.classes, tuple(float(counts.sum() / (data.classes * max(1, count))) for count in counts.tolist()))


__all__ = [
    "TASKS",
    "Classification",
    "Feed",
    "Meter",
    "Pair",
    "Segmentation",
    "Task",
    "answers",
    "feed_of",
    "joint_loss",
    "measure",
    "part_of",
    "size_of",
    "tally",
    "task_of",
    "tiled",
    "views_of",
]
