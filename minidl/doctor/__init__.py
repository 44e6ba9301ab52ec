"""The training doctor: it watches a run and says in plain sentences what is wrong, and where.

    model.fit(x, y, diagnose=True)          or          callbacks=[doctor.Doctor()]

Each finding is one sentence: what was seen, in which layer or data, and what to do about it.
"""

from __future__ import annotations

from minidl.doctor.doctor import Doctor
from minidl.doctor.findings import Finding

__all__ = ["Doctor", "Finding"]
