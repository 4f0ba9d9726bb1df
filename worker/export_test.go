package worker

// ClassOf tells what kind of failure an error is.
var ClassOf = classOf
