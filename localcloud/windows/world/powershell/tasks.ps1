# The Task Scheduler. `inside/scheduler.py` starts and ends the processes.
function global:Invoke-WorldScheduler([string]$What, [string]$Name) {
    $output = & $env:WORLD_PYTHON -S -E "$env:WORLD_INSIDE/run.py" tasks $What $Name
    [pscustomobject]@{ Code = $LASTEXITCODE; Output = "$output" }
}

function global:New-ScheduledTaskAction { [CmdletBinding()] param([Parameter(Mandatory)][string]$Execute, [string]$Argument, [string]$WorkingDirectory) @{ Execute = $Execute; Argument = $Argument; WorkingDirectory = $WorkingDirectory } }

function global:New-ScheduledTaskTrigger {
    [CmdletBinding()] param([switch]$AtStartup, [switch]$AtLogOn, [switch]$Once, [datetime]$At, [timespan]$RepetitionInterval, [timespan]$RepetitionDuration, [timespan]$RandomDelay)
    if ($AtStartup -and ($Once -or $At)) { throw 'Parameter set cannot be resolved using the specified named parameters.' }
    @{ AtStartup = [bool]$AtStartup }
}

function global:New-ScheduledTaskPrincipal { [CmdletBinding()] param([string]$UserId, [ValidateSet('Highest', 'Limited')][string]$RunLevel, [string]$LogonType) @{ UserId = $UserId } }

function global:New-ScheduledTaskSettingsSet {
    [CmdletBinding()] param([TimeSpan]$ExecutionTimeLimit = ([TimeSpan]::FromDays(3)), [switch]$AllowStartIfOnBatteries, [switch]$DontStopIfGoingOnBatteries, [ValidateSet('IgnoreNew', 'Parallel', 'Queue')][string]$MultipleInstances = 'IgnoreNew', [ValidateRange(0, 10)][int]$Priority = 7, [ValidateRange(0, 255)][int]$RestartCount, [TimeSpan]$RestartInterval, [switch]$StartWhenAvailable, [switch]$Hidden, [switch]$DontStopOnIdleEnd)
    @{ Priority = $Priority; MultipleInstances = $MultipleInstances; ExecutionTimeLimit = "$ExecutionTimeLimit"; RestartCount = $RestartCount }
}

function global:Register-ScheduledTask {
    [CmdletBinding()] param([Parameter(Mandatory)][string]$TaskName, [Parameter(Mandatory)]$Action, $Trigger, $Settings, [string]$User, $Principal, [ValidateSet('Highest', 'Limited')][string]$RunLevel, [string]$Description, [switch]$Force)
    if ($fault = Get-WorldFault 'Register-ScheduledTask' $TaskName) { throw $fault }
    $wanted = if ($Settings) { $Settings } else { New-ScheduledTaskSettingsSet }
    Edit-WorldState 'tasks' {
        param($tasks)
        if ($tasks.ContainsKey($TaskName) -and -not $Force) { throw 'Cannot create a file when that file already exists.' }
        $running = if ($tasks.ContainsKey($TaskName)) { $tasks[$TaskName].process }
        $tasks[$TaskName] = @{ Execute = $Action.Execute; Arguments = $Action.Argument; WorkingDirectory = $Action.WorkingDirectory; AtStartup = [bool]$Trigger.AtStartup; Priority = $wanted.Priority; MultipleInstances = $wanted.MultipleInstances; ExecutionTimeLimit = $wanted.ExecutionTimeLimit; Enabled = $true; LastTaskResult = 0x41303; process = $running }
    }
    Write-WorldJournal 'register' "$TaskName, priority $($wanted.Priority)"
    [pscustomobject]@{ TaskName = $TaskName; State = 'Ready' }
}

function global:Get-ScheduledTask {
    [CmdletBinding()] param([Parameter(Position = 0)][string]$TaskName)
    $answer = Invoke-WorldScheduler 'state' $TaskName
    if ($answer.Code) { Write-Error "No MSFT_ScheduledTask objects found with property 'TaskName' equal to '$TaskName'.  Verify the value of the property and retry." -Category ObjectNotFound; return }
    $task = (Read-WorldState 'tasks')[$TaskName]
    [pscustomobject]@{ TaskName = $TaskName; TaskPath = '\'; State = $answer.Output; Settings = [pscustomobject]@{ Priority = $task.Priority; MultipleInstances = $task.MultipleInstances; Enabled = $task.Enabled }; Actions = @([pscustomobject]@{ Execute = $task.Execute; Arguments = $task.Arguments }) }
}

function global:Get-ScheduledTaskInfo {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipelineByPropertyName)][string]$TaskName)
    process {
        $task = (Read-WorldState 'tasks')[$TaskName]
        if (-not $task) { Write-Error 'The system cannot find the file specified.' -Category ObjectNotFound; return }
        [pscustomobject]@{ TaskName = $TaskName; LastTaskResult = [uint32]$task.LastTaskResult }
    }
}

function global:Start-ScheduledTask {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipelineByPropertyName)][string]$TaskName)
    process {
        if ($fault = Get-WorldFault 'Start-ScheduledTask' $TaskName) { Write-Error $fault; return }
        if ((Invoke-WorldScheduler 'start' $TaskName).Code -eq 2) { Write-Error 'The system cannot find the file specified.' -Category ObjectNotFound }
    }
}

function global:Stop-ScheduledTask {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipelineByPropertyName)][string]$TaskName)
    process { if ((Invoke-WorldScheduler 'stop' $TaskName).Code -eq 2) { Write-Error 'The system cannot find the file specified.' -Category ObjectNotFound } }
}

function global:Switch-WorldTask([string]$TaskName, [bool]$On) {
    Edit-WorldState 'tasks' { param($tasks) if (-not $tasks.ContainsKey($TaskName)) { throw 'The system cannot find the file specified.' }; $tasks[$TaskName].Enabled = $On }
}
function global:Enable-ScheduledTask { [CmdletBinding()] param([Parameter(Position = 0)][string]$TaskName) Switch-WorldTask $TaskName $true }
function global:Disable-ScheduledTask { [CmdletBinding()] param([Parameter(Position = 0)][string]$TaskName) Switch-WorldTask $TaskName $false }

function global:Unregister-ScheduledTask {
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param([Parameter(Position = 0)][string]$TaskName)
    # Without -Confirm:$false it would ask, which nobody answers here.
    if ($PSBoundParameters['Confirm'] -ne $false) { throw 'Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.' }
    Edit-WorldState 'tasks' { param($tasks) if (-not $tasks.ContainsKey($TaskName)) { throw 'The system cannot find the file specified.' }; $tasks.Remove($TaskName) }
}
