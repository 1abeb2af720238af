"""Names what is wrong with a training, and proves it by replay."""

from leonui.doctor.diagnosis import Diagnosis as Diagnosis
from leonui.doctor.visit import Visit as Visit
