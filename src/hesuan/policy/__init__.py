"""Programme rules as documents: read, check, decide. Pure: no database, no clock, no network.

Reading, top to bottom: ``schema`` › ``articles`` › ``sections`` › ``programme`` › ``terms`` › ``fields`` |
``predicates`` › ``facts`` | ``document`` › ``scalars`` › ``nodes``.

Deciding: ``evaluator`` › ``payout`` | ``limits`` | ``aid`` | ``tiers`` › ``drawdown`` | ``entitlement`` ›
``work`` › ``keys`` › ``windows`` | ``decision``. Around one decision: ``book`` counts, ``batches`` and
``credit_notes`` decide many, ``tranches``, ``decay`` and ``exchange`` follow an award, ``flows`` says who
pays whom, ``selection`` who comes first; ``linter`` and ``cases`` › ``unit_cases`` stand beside.

Every amount ``*_fen`` is the hundredth of the programme's unit: a fen, a paisa, a cent, 1/100 of a credit
or of an hour. Rates and amounts before rounding are fractions; nothing is a float.
"""
