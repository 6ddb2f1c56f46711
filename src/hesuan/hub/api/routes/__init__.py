"""The addresses of ``/api/v1``, a module per verb or room."""
