"""Texts of Django and django-allauth that users see: part of our catalogs, so that they are complete, too.

They are filled from the packages' own catalogs. Where a package lacks a language, our translation holds.
"""

from collections.abc import Iterator

from tests.translation.extraction import Found

DJANGO = """
This field is required.
Enter a whole number.
Enter a number.
Enter a valid date.
Enter a valid time.
Enter a valid date/time.
Enter a valid value.
Enter a valid URL.
Enter a valid email address.
Enter a list of values.
Enter a complete value.
No file was submitted. Check the encoding type on the form.
No file was submitted.
The submitted file is empty.
Select a valid choice. %(value)s is not one of the available choices.
Select a valid choice. That choice is not one of the available choices.
Value %(value)r is not a valid choice.
“%(value)s” is not a valid UUID.
This field cannot be null.
This field cannot be blank.
%(model_name)s with this %(field_label)s already exists.
Ensure this value is less than or equal to %(limit_value)s.
Ensure this value is greater than or equal to %(limit_value)s.
Null characters are not allowed.
The password is too similar to the %(verbose_name)s.
This password is too common.
Monday
Tuesday
Wednesday
Thursday
Friday
Saturday
Sunday
Mon
Tue
Wed
Thu
Fri
Sat
Sun
January
February
March
April
May
June
July
August
September
October
November
December
jan
feb
mar
apr
may
jun
jul
aug
sep
oct
nov
dec
abbrev. month|Jan.
abbrev. month|Feb.
abbrev. month|March
abbrev. month|April
abbrev. month|May
abbrev. month|June
abbrev. month|July
abbrev. month|Aug.
abbrev. month|Sept.
abbrev. month|Oct.
abbrev. month|Nov.
abbrev. month|Dec.
alt. month|January
alt. month|February
alt. month|March
alt. month|April
alt. month|May
alt. month|June
alt. month|July
alt. month|August
alt. month|September
alt. month|October
alt. month|November
alt. month|December
p.m.
a.m.
PM
AM
midnight
noon
now
%(delta)s ago
"""
DJANGO_PLURALS = """
Ensure this filename has at most %(max)d character (it has %(length)d).|Ensure this filename has at most %(max)d \
characters (it has %(length)d).
Ensure this value has at least %(limit_value)d character (it has %(show_value)d).|Ensure this value has at least \
%(limit_value)d characters (it has %(show_value)d).
Ensure this value has at most %(limit_value)d character (it has %(show_value)d).|Ensure this value has at most \
%(limit_value)d characters (it has %(show_value)d).
This password is too short. It must contain at least %d character.|This password is too short. It must contain at \
least %d characters.
an hour ago|%(count)s\N{NO-BREAK SPACE}hours ago
a minute ago|%(count)s\N{NO-BREAK SPACE}minutes ago
a second ago|%(count)s\N{NO-BREAK SPACE}seconds ago
"""
UNITS = ("year", "month", "week", "day", "hour", "minute")
ALLAUTH = """
A user is already registered with this email address.
A new set of recovery codes has been generated.
Authenticator app activated.
Authenticator app deactivated.
Authenticator code
Backup key
Be patient, you are sending too many requests.
Code
Current Password
Email
Email address
Forgot your password?
Incorrect code.
Incorrect password.
Invalid login.
Invalid or expired key.
Key nr. {number}
Master key
New Password
New Password (again)
Password
Password (again)
Password successfully changed.
Password successfully set.
Please type your current password.
Primary email address set.
Recovery codes
Remember Me
Removed email address %(email)s.
Signed out of all other sessions.
The email address and/or password you specified are not correct.
The email address is not assigned to any user account.
The new value must be different from the current one.
The password reset token was invalid.
This account is currently inactive.
This email address is already associated with this account.
Too many failed login attempts. Try again later.
Unable to confirm %(email)s because it is already confirmed by a different account.
Use a security key
Use authenticator app or code
Use your password
You cannot activate two-factor authentication until you have verified your email address.
You cannot add an email address to an account protected by two-factor authentication.
You cannot add more than %d email addresses.
You cannot deactivate two-factor authentication.
You cannot generate recovery codes without having two-factor authentication enabled.
You cannot remove your primary email address (%(email)s).
You cannot remove your primary email address.
You have confirmed %(email)s.
You must type the same password each time.
Your primary email address must be verified.
"""


def list_borrowed() -> list[Found]:
    return [*_read("django", DJANGO), *_read_plurals(), *_read("allauth", ALLAUTH)]


def _read(package: str, texts: str) -> Iterator[Found]:
    for line in texts.strip().splitlines():
        context, _bar, text = line.rpartition("|")
        yield Found(package, text, context or None, ())


def _read_plurals() -> Iterator[Found]:
    for line in DJANGO_PLURALS.strip().splitlines():
        singular, _bar, plural = line.partition("|")
        yield Found("django", (singular, plural), None, ())
    for context in (None, "naturaltime-past"):
        yield from (Found("django", (f"%(num)d {name}", f"%(num)d {name}s"), context, ()) for name in UNITS)
