"""CloudWatch alarms, told by SNS or EventBridge, and asked for."""
