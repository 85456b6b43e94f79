"""What the notebooks of the workshop are written from."""

from lessons import delivering, diagnosing, fixing, improving
from lessons.cells import SETUP, Lesson

LESSONS = (
    Lesson(
        fr="1-diagnostic-des-modeles",
        en="1-diagnosing-models",
        cells=(
            diagnosing.INTRODUCTION,
            SETUP,
            *diagnosing.CASE_A,
            *diagnosing.DIAGNOSIS,
            *diagnosing.EVIDENCE,
            *fixing.FIXES,
            *fixing.CASE_B,
            *fixing.WRITING,
        ),
    ),
    Lesson(
        fr="2-amelioration-pour-application-web",
        en="2-improving-for-a-web-app",
        cells=(
            *improving.START,
            *improving.CHOICES,
            *improving.OPTIMISING,
            *delivering.COMPARING,
            *delivering.HANDING_OVER,
        ),
    ),
)
