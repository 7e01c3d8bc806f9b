from django.db import migrations, models, transaction

MEMORIES, VECTORS = "memories_memory", "memories_memoryvector"
PLACE, PUBLIC, DUE = "one_memory_a_place", "memory_vector_public", "memory_due_by_owner"
COLUMNS = ("memory", "is_public", "expires_at", "space", "embedding", "tokens", "sequence")
MAX_POSITION = 2**31 - 1

# Where several memories share a place, all but the first move to the next one, in order. Beyond the last, none is left.
RENUMBER = f"""
with crowded as (
  select owner_id, conversation from {MEMORIES} where conversation is not null
  group by owner_id, conversation having count(*) > count(distinct position)),
numbered as (
  select id, owner_id, conversation, position::bigint as position,
         row_number() over (partition by owner_id, conversation order by position, id) as number
  from {MEMORIES} join crowded using (owner_id, conversation)),
moved as (
  select * from (
    select id, owner_id, position,
           number + max(position - number) over (partition by owner_id, conversation order by number) as place
    from numbered) placed
  where place <> position),
resequenced as (
  update {VECTORS} stored
  set sequence = case when place <= {MAX_POSITION} then sequence + place - position end
  from moved where stored.owner_id = moved.owner_id and stored.memory_id = moved.id)
update {MEMORIES} stored
set position = case when place <= {MAX_POSITION} then place end,
    conversation = case when place <= {MAX_POSITION} then conversation end
from moved where stored.owner_id = moved.owner_id and stored.id = moved.id
"""  # noqa: S608 - put together from constants # nosec B608

# Stored in the order of the text, they would tell it.
SORT = f"""
update {VECTORS} stored set tokens = array(select token from unnest(tokens) token order by token)
where owner_id = %s and tokens <> array(select token from unnest(tokens) token order by token)
"""  # nosec B608
LOCK = (
    f"select count(*) from (select from {MEMORIES} where owner_id = %s order by id for update) locked"  # nosec B608
)


def sort_tokens(apps, schema_editor):
    """Sort the tokens of each owner in a transaction, behind the locks that whoever changes them acquires first."""
    alias = schema_editor.connection.alias
    owners = apps.get_model("memories", "MemoryVector").objects.using(alias).order_by("owner_id")
    for owner_id in list(owners.values_list("owner_id", flat=True).distinct()):
        with transaction.atomic(using=alias), schema_editor.connection.cursor() as cursor:
            cursor.execute(LOCK, [owner_id])
            cursor.execute(SORT, [owner_id])


def build_index(name, definition):
    """Build an index while the table is in use. An interrupted build leaves one that is not valid."""
    return [
        migrations.RunSQL(f"drop index concurrently if exists {name}", migrations.RunSQL.noop),
        migrations.RunSQL(definition, f"drop index concurrently if exists {name}"),
    ]


class Migration(migrations.Migration):
    """Each statement can be repeated after an interruption."""

    atomic = False

    dependencies = [
        ("memories", "0021_imported_id"),
    ]

    operations = [
        migrations.RunSQL(RENUMBER, migrations.RunSQL.noop),
        migrations.RunPython(sort_tokens, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                *build_index(
                    PLACE,
                    f"create unique index concurrently {PLACE} on {MEMORIES} (owner_id, conversation, position) "
                    "where conversation is not null",
                ),
                *build_index(
                    DUE,
                    f"create index concurrently {DUE} on {MEMORIES} (owner_id, index_due_at) "
                    "where index_state = 'pending'",
                ),
                *build_index(
                    PUBLIC,
                    f"create index concurrently {PUBLIC} on {VECTORS} (owner_id) include (memory_id, is_public, "
                    "expires_at, space_id, embedding, tokens, sequence) where is_public and not is_trashed",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="memory",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("conversation__isnull", False)),
                        fields=("owner", "conversation", "position"),
                        name=PLACE,
                    ),
                ),
                migrations.AddIndex(
                    model_name="memory",
                    index=models.Index(
                        condition=models.Q(("index_state", "pending")), fields=["owner", "index_due_at"], name=DUE
                    ),
                ),
                migrations.AddIndex(
                    model_name="memoryvector",
                    index=models.Index(
                        condition=models.Q(("is_public", True), ("is_trashed", False)),
                        fields=["owner"],
                        include=COLUMNS,
                        name=PUBLIC,
                    ),
                ),
            ],
        ),
    ]
