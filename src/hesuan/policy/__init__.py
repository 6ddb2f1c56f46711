"""Programme rules as documents: read, check, decide. Pure: no database, no clock, no network.

Top to bottom: ``cases`` › ``evaluator`` | ``linter`` › ``schema`` › ``fields`` › ``predicates`` ›
``document`` › ``scalars`` › ``nodes``.
"""
