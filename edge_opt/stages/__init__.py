"""One step each: functions from frozen data to frozen data. No stage calls another; the flows do."""
