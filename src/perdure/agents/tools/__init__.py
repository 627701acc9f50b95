"""What agents may do besides answering: function tools over a run's context."""
