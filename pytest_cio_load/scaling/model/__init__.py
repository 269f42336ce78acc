"""Traffic × policy × pipeline: what an autoscaler makes of a day, replayed in milliseconds, and promises on it.

    traffic   how much arrives when: levels, ramps, points
    points    points from a CSV file
    pipeline  what one worker and all workspaces get done, and the queue before them
    pods      those that start, work and end
    seen      what the autoscaler sees of it, and how late
    asked     what KEDA finds when it asks
    measured  the rate of a worker from the document of a real run
    replay    all of it together, second by second → a run
    run       what came of it: figures, samples, decisions
    planned   the autoscaler and the pipeline of a plan
    promises  "max_depth<20000" held against a run
    plot      replicas and depth over time: as text, and as SVG
    moves     what can be changed in a policy, and into what
    search    the cheapest policy that keeps its promises

Plain arithmetic without a clock: the same input gives the same run everywhere. The queue is a fluid, of which parts of jobs are served.
"""
