"""What a run measured: kinds of metric, the recorder that fills them, the summary that is judged."""
