"""Texts for the states and end reasons of imports; the labels of the choices are fixed by migrations."""

from django.utils.translation import gettext_lazy as _

from memories.models import ImportEndReason, ImportState

STATE_LABELS = {
    ImportState.STAGED: _("preview"),
    ImportState.RUNNING: _("in progress"),
    ImportState.DONE: _("done"),
    ImportState.UNDONE: _("undone"),
}
# Shown after "The import stopped after 2 of 3: ".
END_REASON_LABELS = {
    ImportEndReason.APP: _("the app no longer has the access that the import needs"),
    ImportEndReason.ROOM: _(
        "you have reached the limit of stored memories. Delete some permanently, then import the file again"
    ),
}
