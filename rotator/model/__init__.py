"""The frozen nouns of rotator: what every other module talks about."""

from rotator.model.actions import *
from rotator.model.case import *
from rotator.model.iam import *
from rotator.model.names import *
from rotator.model.places import *
from rotator.model.policy import *
from rotator.model.reasons import *
from rotator.model.report import *
from rotator.model.rotation import *
from rotator.model.signing import *
