"""What an app may be allowed to do with memories. Pure names: the settings and the doors import them."""

READ = "memories:read"
WRITE = "memories:write"
PUBLISH = "memories:publish"
ADMIN = "memories:admin"
PERSONA = "persona:query"

DESCRIPTIONS = {
    READ: "Read and search your memories, private ones included.",
    WRITE: "Add and change memories, and put them in the trash.",
    PUBLISH: "Make your memories public.",
    ADMIN: "Manage all memories: delete for ever, export, change many at once.",
    PERSONA: "Ask the personas of other people.",
}
