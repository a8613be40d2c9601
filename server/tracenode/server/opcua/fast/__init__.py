"""The fast lane: what is asked most is answered from bytes, by the rules of the complete path.

One door, `lane.FastLane`, asked by `connections.transport` for each chunk. The answer is the one
that the complete path gives, byte for byte but for times; whatever is unusual is left to it, before
anything has changed. Without the lane (`opcua.fast_lane = false`) the server is slower, and else
the same.

============ ======================================================================================
module       what it is for
============ ======================================================================================
`lane`       `FastLane`, `Lane`: one request, from its chunk to its answer
`chunks`     chunks of one channel, opened and sealed
`keys`       the symmetric keys of one channel
`wire`       headers of requests and answers, faults
`values`     DataValues as bytes
`reading`    Read
`browsing`   Browse
`writing`    Write
`publishing` Publish
`watching`   CreateMonitoredItems
`calling`    Call
`arguments`  the arguments of one method, from their bytes
`scalars`    built-in types of one value
`steps`      work of the complete path that only gives others their turn, run to its end
============ ======================================================================================
"""
