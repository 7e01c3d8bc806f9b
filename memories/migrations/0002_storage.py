"""What Django's models cannot say about the tables."""

from django.db import migrations

# Index-only scans need vacuumed pages: 2,000 fresh rows take 3.4 to 4.0 ms instead of .41 (docs/decisions/0002).
VACUUM_EARLY = """
alter table memories_memoryvector set (
  autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02)
"""
VACUUM_AS_USUAL = """
alter table memories_memoryvector reset (autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_scale_factor)
"""

APPEND_ONLY = """
create function memories_audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the audit is append only';
end $$;
create trigger append_only before update on memories_auditevent
for each row execute function memories_audit_is_append_only()
"""
CHANGEABLE = """
drop trigger append_only on memories_auditevent;
drop function memories_audit_is_append_only()
"""


class Migration(migrations.Migration):
    dependencies = [("memories", "0001_initial")]

    operations = [
        migrations.RunSQL(VACUUM_EARLY, VACUUM_AS_USUAL),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
    ]
