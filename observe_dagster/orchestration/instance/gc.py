"""What is declared stays as long as the process: the garbage collector need not look through it again and again."""

import atexit
import gc


def freeze_heap() -> None:
    """Throw away what nobody uses any more, and have the collector pass over all that is left from now on.

    Loading makes objects by the million, and each of the many full collections while Dagster makes its own of them
    would visit every one. Only for the composition root, which begins with `let_go`.
    """
    gc.collect()
    gc.freeze()
    # Extension modules complain at exit of what the collector does not find.
    atexit.unregister(unfreeze_heap)
    atexit.register(unfreeze_heap)


def unfreeze_heap() -> None:
    """Have the collector look at everything again, so that a build whose place another one takes can be freed."""
    gc.unfreeze()
