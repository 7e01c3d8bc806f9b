"""OAuth scopes of memories. Names only, since the settings and all channels import them."""

from django.utils.translation import gettext_noop as _

READ = "memories:read"
WRITE = "memories:write"
PUBLISH = "memories:publish"
ADMIN = "memories:admin"
PERSONA = "persona:query"

# Who may request them; self-registered apps may request only the first two.
FOR_EVERY_APP = (READ, WRITE)
BY_EXTRA_TICK = (PUBLISH,)  # unchecked by default on the consent page
BY_ADMINISTRATOR = (ADMIN,)  # only for apps that an administrator has approved for it

# In English for the metadata; oauth/toolkit/scopes.py translates them for the user.
DESCRIPTIONS = {
    READ: _("Read and search your memories, including private ones."),
    WRITE: _("Add and edit memories, and move them to trash."),
    PUBLISH: _("Make memories public, edit the text of public memories and extend their expiry."),
    ADMIN: _("Manage all memories: delete permanently, export and edit in bulk."),
    PERSONA: _("Ask other people's personas."),
}
