"""From a volume to an architecture, with the arithmetic shown.

    volumes      "5M" → a number
    figures      a number with its name, its unit and its formula
    demand       what is asked of a design, and the arithmetic from there to its numbers
    tiers        which architecture a volume asks for, and why
    plan         plain values in, a frozen plan out
    facts        what is known of a design, from a plan or from manifests
    findings     what a rule finds
    warnings     what in a design contradicts itself, with the arithmetic and the remedy
    rates        the rules about how much can be sent
    settings     the rules about what a worker and its queue are told
    autoscaling  the rules about what an autoscaler is told
    shown        a plan and its warnings as text
"""
