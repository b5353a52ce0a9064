"""What is learnt from data: tasks, how an answer is scored, and the data on a device."""

from __future__ import annotations

from archsearch.data import Data
from archsearch.tasks.base import Meter, Task, answers, joint_loss
from archsearch.tasks.classification import Classification
from archsearch.tasks.feed import Feed, feed_of, measure, size_of
from archsearch.tasks.segmentation import Segmentation

TASKS: dict[str, type[Task]] = {task.name: task for task in (Classification, Segmentation)}


def task_of(data: Data) -> Task:
    """What is to be learnt from these data."""
    return TASKS[data.task](data.classes)


__all__ = [
    "TASKS",
    "Classification",
    "Feed",
    "Meter",
    "Segmentation",
    "Task",
    "answers",
    "feed_of",
    "joint_loss",
    "measure",
    "size_of",
    "task_of",
]
