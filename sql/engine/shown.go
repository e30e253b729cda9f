package engine

import (
	"errors"

	"herringbone/sql/duck"
)

// shown makes an error of the child's fit for the client: places in the text are
// those of what was sent, and our directories are not named.
func (q *query) shown(err error) error {
	if err == nil {
		return nil
	}
	var d *duck.Error
	if !errors.As(err, &d) {
		return err
	}
	d.Message = q.hide(d.Message)
	if q.statement != nil && d.Position >= 0 {
		d.Position = q.statement.Origin(d.Position) + q.command.Offset
	}
	if d.Class == duck.OutOfMemory {
		q.engine.metrics.limit("memory")
	}
	return err
}
