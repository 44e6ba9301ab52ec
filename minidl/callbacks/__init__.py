"""Callbacks: what happens beside training. They see numbers and may stop, steer or record a run."""

from __future__ import annotations

from minidl.callbacks.backup_and_restore import BackupAndRestore
from minidl.callbacks.callback import Callback
from minidl.callbacks.callback_list import CallbackList
from minidl.callbacks.csv_logger import CSVLogger
from minidl.callbacks.early_stopping import EarlyStopping
from minidl.callbacks.history import History
from minidl.callbacks.lambda_callback import LambdaCallback
from minidl.callbacks.learning_rate_scheduler import LearningRateScheduler
from minidl.callbacks.model_checkpoint import ModelCheckpoint
from minidl.callbacks.progress import ProgbarLogger
from minidl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from minidl.callbacks.swap_ema_weights import SwapEMAWeights
from minidl.callbacks.tensorboard import TensorBoard
from minidl.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
