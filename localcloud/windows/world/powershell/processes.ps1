# Processes: only those of this machine exist.
function global:Get-WorldProcess {
    foreach ($place in [World.Text]::Names("$env:WORLD_RUN/processes")) {
        $number = 0
        if (-not [int]::TryParse($place, [ref]$number)) { continue }
        try {
            $entry = Microsoft.PowerShell.Utility\ConvertFrom-Json ([World.Text]::Read("$env:WORLD_RUN/processes/$place")) -AsHashtable
            $fields = [World.Text]::Read("/proc/$place/stat") -replace '^.*\) ', '' -split ' '
        } catch { continue }
        if ($fields[0] -in 'Z', 'X' -or $fields[19] -ne $entry.started) { continue }
        [pscustomobject]@{ ProcessId = $number; Name = $entry.name; CommandLine = $entry.line; ExecutablePath = $entry.path; ParentProcessId = [int]$fields[1]; Started = [DateTime]::new(2026, 1, 1).AddMilliseconds(10 * [int64]$fields[19]) }
    }
}

# The file that Start-Process means; throws as CreateProcess does.
function global:Resolve-WorldProgram([string]$FilePath) {
    if ($FilePath -match '[\\/]') {
        $place = [World.Drive]::Real($FilePath)
        if ([World.Text]::IsFile($place)) {
            $head = [World.Text]::Head($place)
            if ($head -notmatch '^(MZ\{|#!/usr/bin/env world-program)' -and $FilePath -notmatch '^C:\\Windows\\System32\\') { throw "This command cannot be run due to the error: %1 is not a valid Win32 application." }
        } elseif (-not [World.Text]::IsFile("$env:WORLD_RUN/bin/$(($FilePath -split '\\')[-1])")) { throw 'This command cannot be run due to the error: The system cannot find the file specified.' }
        return $FilePath
    }
    $name = if ($FilePath -like '*.exe') { $FilePath } else { "$FilePath.exe" }
    if (-not [World.Text]::IsFile("$env:WORLD_RUN/bin/$name") -and -not (Get-Command $name -CommandType Application -ErrorAction SilentlyContinue)) { throw 'This command cannot be run due to the error: The system cannot find the file specified.' }
    $name
}

function global:Start-Process {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$FilePath, [Parameter(Position = 1)][string[]]$ArgumentList, [switch]$NoNewWindow, [switch]$PassThru, [switch]$Wait, [string]$RedirectStandardOutput, [string]$RedirectStandardError, [string]$RedirectStandardInput, [ValidateSet('Normal', 'Hidden', 'Minimized', 'Maximized')][string]$WindowStyle, [string]$WorkingDirectory, [ValidateSet('RunAs')][string]$Verb)
    if ($NoNewWindow -and $WindowStyle) { throw 'Parameters "-NoNewWindow" and "-WindowStyle" cannot be specified at the same time.' }
    if ($RedirectStandardOutput -and $RedirectStandardOutput -eq $RedirectStandardError) { throw 'This command cannot be run because "RedirectStandardOutput" and "RedirectStandardError" are same.' }
    if ($fault = Get-WorldFault 'Start-Process' "$FilePath $ArgumentList") { throw $fault }
    $program = Resolve-WorldProgram $FilePath
    # With no console of their own the two streams are this console's.
    $own = if ($NoNewWindow) { '-' } else { 'NUL' }
    $out = if ($RedirectStandardOutput) { [World.Drive]::Spell([World.Drive]::Real($RedirectStandardOutput)) } else { $own }
    $err = if ($RedirectStandardError) { [World.Drive]::Spell([World.Drive]::Real($RedirectStandardError)) } else { $own }
    foreach ($log in $out, $err) {
        if ($log -in '-', 'NUL') { continue }
        [World.Disk]::Refuse($log)
        # Windows opens it for all to write and makes it empty, also under the hands of another writer.
        if ([World.Sharing]::Writer([World.Drive]::Real($log))) { Write-WorldJournal 'two-writers' $log }
    }
    $start = Microsoft.PowerShell.Utility\New-Object Diagnostics.ProcessStartInfo $env:WORLD_PYTHON
    $start.UseShellExecute = $false
    $folder = if ($WorkingDirectory) { $WorkingDirectory } else { "$(Get-Location -PSProvider FileSystem)" }
    foreach ($word in '-S', '-E', "$env:WORLD_INSIDE/run.py", 'start', $out, $err, $folder, $program, "$ArgumentList") { $start.ArgumentList.Add($word) }
    $process = New-Object World.Process ([Diagnostics.Process]::Start($start)), (($program -split '\\')[-1] -replace '\.exe$')
    if ($Wait) { $process.WaitForExit() }
    if ($PassThru) { $process }
}

function global:Stop-Process {
    [CmdletBinding()] param([Parameter(Position = 0, ParameterSetName = 'Id', Mandatory, ValueFromPipelineByPropertyName)][Alias('ProcessId')][int[]]$Id, [Parameter(ParameterSetName = 'Name', Mandatory)][string[]]$Name, [switch]$Force, [switch]$PassThru)
    process {
        $all = @(Get-WorldProcess)
        $wanted = if ($Name) { $all | Where-Object { ($_.Name -replace '\.exe$') -in $Name } } else { $all | Where-Object { $_.ProcessId -in $Id } }
        if (-not $wanted) { Write-Error "Cannot find a process with the process identifier $Id$Name." -Category ObjectNotFound; return }
        foreach ($one in $wanted) { [World.Text]::Kill($one.ProcessId); Write-WorldJournal 'kill' $one.CommandLine }
    }
}

function global:Get-Process {
    [CmdletBinding()] param([Parameter(Position = 0)][string[]]$Name, [int[]]$Id)
    $all = @(Get-WorldProcess)
    if ($Id) { $all = @($all | Where-Object { $_.ProcessId -in $Id }) }
    if ($Name) { $all = @($all | Where-Object { $plain = $_.Name -replace '\.exe$'; @($Name | Where-Object { $plain -like $_ }).Count }) }
    if (-not $all -and ($Id -or $Name)) { Write-Error "Cannot find a process with the name or number `"$Name$Id`"." -Category ObjectNotFound; return }
    foreach ($one in $all) { [pscustomobject]@{ Id = $one.ProcessId; ProcessName = $one.Name -replace '\.exe$'; Name = $one.Name -replace '\.exe$'; StartTime = [DateTime]::Now; Path = ($one.CommandLine -split ' ')[0]; PriorityClass = 'Normal' } }
}

function global:Wait-Process {
    [CmdletBinding()] param([Parameter(Position = 0)][string[]]$Name, [int[]]$Id, [int]$Timeout = -1)
    $ends = [DateTime]::Now.AddSeconds($(if ($Timeout -lt 0) { 1e6 } else { $Timeout }))
    while (Get-WorldProcess | Where-Object { $_.ProcessId -in $Id -or ($Name -and ($_.Name -replace '\.exe$') -in $Name) }) {
        if ([DateTime]::Now -gt $ends) { Write-Error 'This command stopped operation because the process is not stopped in the specified time-out.'; return }
        Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds 100
    }
}

# Long pauses are shortened; what is shorter than five seconds lasts as long as it says.
function global:Start-Sleep {
    [CmdletBinding()] param([Parameter(Position = 0)][double]$Seconds, [int]$Milliseconds)
    $pause = if ($Milliseconds) { $Milliseconds / 1000 } else { $Seconds }
    if ($pause -gt 5) { $pause /= [double]$env:WORLD_HASTE }
    Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds ([int](1000 * $pause))
}
