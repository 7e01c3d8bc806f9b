"""Texts of Django and django-allauth that reach people."""

from tests.translation.extraction import Found

BORROWED: tuple[Found, ...] = ()
