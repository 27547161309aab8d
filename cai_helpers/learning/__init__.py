"""What stands around the lessons: the manifest, the builds, predictions, exercises with their checks, and grading.

Nothing here is taught, and no taught module imports it.
"""

from cai_helpers.learning.asides import predicted, report
from cai_helpers.learning.hints import hint, solution
from cai_helpers.learning.instant import check
from cai_helpers.learning.progress_file import progress
from cai_helpers.learning.work import renew, restore_work, save_work

__all__ = ["check", "hint", "predicted", "progress", "renew", "report", "restore_work", "save_work", "solution"]
