"""What Django lacks for Hindi. Numbers are grouped as 12,34,567."""

DATETIME_FORMAT = "j F Y, g:i A"
YEAR_MONTH_FORMAT = "F Y"
NUMBER_GROUPING = (3, 2, 0)
