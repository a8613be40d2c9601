"""What clients are told without asking again (OPC 10000-4 5.13, 5.14).

A value or event is queued once for everyone who wants it, as a shared object that is encoded once;
at the end of a publishing cycle a message is joined from such bytes. Nothing here waits: a change
queues, a timer publishes.

- `service`       all subscriptions: create, modify, delete, transfer, publish, republish
- `subscription`  one subscription: its cycle, its messages, its life
- `publishing`    the Publish requests of one session, and who is answered with which
- `messages`      notification messages as bytes; those kept for Republish
- `monitored`     monitored items: create, modify, switch, delete
- `items`         one monitored item: what it watches, its mode, what it has queued
- `targets`       what an item watches
- `queues`        the queue of one item, and what all queues may hold
- `sampling`      sampling intervals
- `deadband`      data change filters: trigger, absolute and percent deadband
- `triggering`    items that let others report
- `methods`       GetMonitoredItems, ResendData
- `events`        `Event`: one emission with typed fields; `EventBus.emit` fans it out
- `listeners`     who listens to which notifier, by filter
- `filters`       event filters, checked and shared
- `selection`     select clauses
- `operators`     where clauses, with three-valued logic
- `conversion`    values of different types in one comparison; Cast
- `patterns`      patterns of Like
"""
