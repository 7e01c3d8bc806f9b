"""Models of a user's choices about their memories."""

from django.db import models
from django.db.models import F, Q

from accounts.ids import new_id
from accounts.models import User
from memories.fields import SealedTextField
from memories.owned import Owned, OwnedKey


class KeptPair(Owned, models.Model):
    """Two similar memories that the user chose to keep, so they are not asked again. `first` is the older."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    first = OwnedKey("memories.Memory", related_name="+")
    second = OwnedKey("memories.Memory", related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "first", "second"], name="one_yes_a_pair"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="kept_pair_in_order"),
        ]

    def __str__(self) -> str:
        return f"memories {self.first_id} and {self.second_id}, both kept"


class SavedFilter(Owned, models.Model):
    """A filter of the memory list that a user saved. `content` is JSON: its name and its conditions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    content = SealedTextField()

    def __str__(self) -> str:
        return f"saved filter {self.pk}"  # never its name
