"""What Django lacks for Arabic."""

DATETIME_FORMAT = "j F Y، g:i A"
NUMBER_GROUPING = 3
