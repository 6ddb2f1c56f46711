"""The room of ``/api/v1``: everything the console does, for programs."""
