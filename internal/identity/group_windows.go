package identity

import (
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// group is a job object, which a process started in it cannot leave.
type group struct{ job windows.Handle }

func newGroup(cmd *exec.Cmd) group {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return group{}
	}
	return group{job: job}
}

// started puts the program, and all that it starts from now on, into the job.
func (g group) started(p *os.Process) {
	if g.job == 0 {
		return
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid))
	if err != nil {
		return
	}
	defer func() { _ = windows.CloseHandle(process) }()
	_ = windows.AssignProcessToJobObject(g.job, process)
}

// kill ends every process in the job.
func (g group) kill(p *os.Process) {
	if g.job != 0 {
		_ = windows.TerminateJobObject(g.job, 1)
	}
	_ = p.Kill()
}

func (g group) close() {
	if g.job != 0 {
		_ = windows.CloseHandle(g.job)
	}
}

// interrupt has nothing to do: with the job every other end of the pipe is gone.
func interrupt(*os.File) {}

func (*pipeEnd) drain() {}

func runnable(_ string, info fs.FileInfo) bool { return info.Mode().IsRegular() }
