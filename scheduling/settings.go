package scheduling

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/task"
)

// The bounds of a schedule's settings.
const (
	mostName      = 200 // characters
	mostMisfires  = 1000
	longestJitter = time.Hour
)

// checkSettings lists what is wrong with a schedule besides its rule and its arguments.
func checkSettings(s *schedule.Schedule, now time.Time) (faults order.Faults) {
	add := func(code order.Code, field, message string) {
		faults = append(faults, fault(code, message, field)...)
	}
	switch {
	case strings.TrimSpace(s.Name) == "":
		add(order.CodeRequired, fieldName, "must not be empty")
	case !utf8.ValidString(s.Name) || strings.ContainsRune(s.Name, 0):
		add(order.CodeInvalid, fieldName, "must be valid text without NUL characters")
	case utf8.RuneCountInString(s.Name) > mostName:
		add(order.CodeTooLong, fieldName, fmt.Sprintf("must be at most %d characters", mostName))
	}
	if s.Queue != string(task.QueueSystem) && s.Queue != string(task.QueueStatus) {
		add(order.CodeInvalid, "queue", `must be "system" or "status"`)
	}
	if s.Priority < 0 || s.Priority > task.MaxPriority {
		add(order.CodeOutOfRange, "priority", fmt.Sprintf("must be between 0 and %d, is %d", task.MaxPriority, s.Priority))
	}
	if s.MisfireLimit < 1 || s.MisfireLimit > mostMisfires {
		add(order.CodeOutOfRange, "misfireLimit", fmt.Sprintf("must be between 1 and %d, is %d", mostMisfires, s.MisfireLimit))
	}
	if message := jitterFault(s, now); message != "" {
		add(order.CodeOutOfRange, fieldJitter, message)
	}
	return faults
}

// usualGaps is how many slots of a cron expression are looked at for the shortest time between two.
const usualGaps = 100

func jitterFault(s *schedule.Schedule, now time.Time) string {
	switch {
	case s.Jitter == 0:
		return ""
	case s.Jitter < 0 || s.Jitter > longestJitter:
		return "must be at most PT1H"
	case s.Jitter%time.Millisecond != 0:
		return "must be whole milliseconds"
	}
	gap := s.Rule.Every
	if s.Rule.Kind == schedule.Cron {
		slots := slotsFrom(s.Rule, now, usualGaps)
		for i := 2; i < len(slots); i++ { // now is no slot
			if between := slots[i].Sub(slots[i-1]); gap == 0 || between < gap {
				gap = between
			}
		}
	}
	if gap > 0 && s.Jitter >= gap {
		return fmt.Sprintf("must be less than the time between two slots, %s", gap)
	}
	return ""
}

// usualQueue is where an action's runs go unless asked otherwise.
func usualQueue(action task.Kind) task.Queue {
	if action == task.KindPollProvider {
		return task.QueueStatus
	}
	return task.QueueSystem
}
