"""合算 Hesuan: computed together, and worth the money.

Five wings, each importing only what stands below it:
``cli`` › ``hub`` | ``agent`` › ``wire`` | ``replay`` › ``policy`` | ``planner`` › ``units money figures``
› ``errors``.
"""

__version__ = "0.1.0"
