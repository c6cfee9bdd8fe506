"""What the garbage collector passes over, and for how long."""

import gc
import weakref

from observe_dagster.orchestration.instance.gc import freeze_heap, unfreeze_heap


class Build:
    """Something that refers to itself, as definitions do."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_kept_is_passed_over_until_it_is_let_go():
    try:
        build = Build()
        watched = weakref.ref(build)
        freeze_heap()
        assert gc.get_freeze_count() > 0
        del build
        gc.collect()
        assert watched() is not None

        unfreeze_heap()
        gc.collect()
        assert watched() is None
    finally:
        gc.unfreeze()


def test_what_nobody_uses_is_not_kept():
    try:
        build = Build()
        watched = weakref.ref(build)
        del build
        freeze_heap()
        assert watched() is None
    finally:
        gc.unfreeze()
