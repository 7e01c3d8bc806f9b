"""What an app may be allowed to do with memories. Pure names: the settings and the doors import them."""

from django.utils.translation import gettext_noop as _

READ = "memories:read"
WRITE = "memories:write"
PUBLISH = "memories:publish"
ADMIN = "memories:admin"
PERSONA = "persona:query"

# Who may ask for them; self-registered apps for the first two alone.
FOR_EVERY_APP = (READ, WRITE)
BY_EXTRA_TICK = (PUBLISH,)  # not ticked when the person is asked
BY_ADMINISTRATOR = (ADMIN,)  # only for apps that an administrator has marked

# In English, as metadata is; oauth/toolkit/scopes.py translates them for a person.
DESCRIPTIONS = {
    READ: _("Read and search your memories, private ones included."),
    WRITE: _("Add and change memories, and put them in the trash."),
    PUBLISH: _(
        "Make your memories public, change the texts of public ones, and keep them public for longer."
    ),
    ADMIN: _("Manage all memories: delete for ever, export, change many at once."),
    PERSONA: _("Ask the personas of other people."),
}
