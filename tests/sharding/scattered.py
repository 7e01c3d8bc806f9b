"""The statements that ask all shards on purpose, by the function that sends them, each with its reason."""

SCATTERED = {
    # Which owners have work. What follows is of one owner at a time.
    "memories/jobs/nodes.py:_fetch": "the worker serves the owners whose memories are due, wherever they are",
    "memories/jobs/indexer.py:get_seconds_until_due": "the worker sleeps until anybody's memory is due",
    "memories/jobs/recovery.py:requeue_failed_memories": "an outage of the provider hit any owner",
    "memories/index/moves.py:start_outdated_moves": "a new encoder or scheme concerns every owner",
    "memories/jobs/retention.py:purge_memories": "whose trash is due",
    "memories/jobs/retention.py:purge_unused_tags": "whose tags are unused",
    "memories/insights/app_days.py:sum_events": "whose apps were active",
    # One statement that deletes or queues by age or state, without a lock before: each shard does its part.
    "memories/index/work_queue.py:enqueue_memories": "a start of the worker tries again what failed",
    "memories/jobs/retention.py:purge_audit": "events are kept AUDIT_DAYS",
    "memories/jobs/retention.py:purge_memory_uses": "counts are kept AUDIT_DAYS",
    "memories/insights/app_days.py:purge_days": "sums are kept AUDIT_DAYS",
    "memories/services/idempotency.py:purge_stored_answers": "responses are kept for a day",
    "memories/services/proposals.py:purge_proposals": "proposals are kept for a time",
    "memories/portability/imports/run.py:purge_imports": "imports can be undone for a time",
    "memories/search/cache/registration.py:purge_caches": "caches that nobody uses end",
    "memories/jobs/retention.py:purge_unused_spaces": "a space is unused if no owner has it",
    # Figures of the whole server, and pages for staff, who see everybody's rows.
    "memories/index/work_queue.py:get_backlog": "how many memories wait",
    "picard/observability/stats.py:collect_database_metrics": "metrics count everybody's rows",
    "picard/web/staff_admin.py:page": "lists of the admin site",
    "accounts/admin_base.py:change_view": "a row of the admin site, which staff name by its id alone",
    "accounts/staff/actions.py:record_staff_action": "whose the rows are that staff chose there",
    "accounts/admin_base.py:_record_view": "the same row, to record whose it is",
}
