"""What stands around the lessons: the manifest, the build that writes and runs them, predictions and checks.

Nothing here is taught, and no taught module imports it.
"""

from cai_helpers.learning.asides import predicted, report

__all__ = ["predicted", "report"]
