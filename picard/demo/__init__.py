"""A made-up person with a life, so that every page has something to show: `manage.py demo`, and the screenshots."""
