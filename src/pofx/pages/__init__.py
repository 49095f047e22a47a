"""Pictures of what models answer, with captions: what commands write and reports show."""
