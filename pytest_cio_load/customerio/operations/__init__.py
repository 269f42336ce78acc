"""Everything that can be asked of Customer.io, one function each. A function checks what it is given and returns an Operation.

    operation   the value itself, and what all of the functions below share
    people      identify · delete · suppress · unsuppress · merge_customers
    events      track · page · screen · track_anonymous
    devices     add_device · delete_device
    segments    add_customers_to_segment · remove_customers_from_segment
    deliveries  report_metric · report_push · unsubscribe
    forms       submit_form
    account     account_region · auth
    items       any of them, in the form that version 2 takes
    entities    entity · batch
    reads       the App API

A function's name is the operation's name, the client's method and the metric that its calls are measured under.
"""
