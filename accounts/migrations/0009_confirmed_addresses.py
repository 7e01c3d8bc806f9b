"""Remove what an unconfirmed address counted for: further addresses of an account, and own ones that others confirmed."""

from django.db import migrations

FURTHER = """
delete from account_emailaddress address using accounts_user person
where address.user_id = person.id and not address.verified and address.email <> lower(person.email)
"""
# An account keeps another address that it confirmed, or gets one that never receives e-mail (accounts/mail/addresses.py).
TAKEN = """
update accounts_user person
set email = coalesce(
  (select other.email from account_emailaddress other
   where other.user_id = person.id and other.verified order by other."primary" desc, other.id limit 1),
  person.id::text || '@released.invalid')
where exists (
  select from account_emailaddress owned
  where owned.email = lower(person.email) and owned.verified and owned.user_id <> person.id)
"""
HELD = """
delete from account_emailaddress address using account_emailaddress owned
where not address.verified and owned.verified and owned.email = address.email and owned.user_id <> address.user_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_language"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in (FURTHER, TAKEN, HELD)]
