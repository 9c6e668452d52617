# The machine itself: its hardware and processes by CIM, its clock, its restart, names in the network.
function global:Get-CimInstance {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$ClassName, [string]$Filter, [string]$Namespace, [string[]]$Property, [int]$OperationTimeoutSec)
    if ($fault = Get-WorldFault 'Get-CimInstance' "$ClassName $Filter") { Write-Error $fault; return }
    switch ($ClassName) {
        'Win32_Process' { Select-WorldProcess $Filter; break }
        'Win32_PnPEntity' {
            if ($Filter -and $Filter -notmatch '^DeviceID LIKE ["'']PCI\\\\VEN_10DE%["'']$') { throw 'Invalid query' }
            if (-not (Get-WorldFaults).ContainsKey('no-card')) { [pscustomobject]@{ Name = '3D Video Controller'; DeviceID = 'PCI\VEN_10DE&DEV_1EB8&SUBSYS_12A210DE&REV_A1\3&13C0B0C5&0&30' } }
            break
        }
        'Win32_OperatingSystem' { [pscustomobject]@{ Caption = 'Microsoft Windows Server 2022 Datacenter'; Version = '10.0.20348'; LastBootUpTime = [DateTime]::Parse([World.Text]::Read("$env:WORLD_RUN/booted")); LocalDateTime = Get-Date; CodeSet = '936' }; break }
        'Win32_ComputerSystem' { [pscustomobject]@{ Name = $env:COMPUTERNAME; TotalPhysicalMemory = 32GB; AutomaticManagedPagefile = $true }; break }
        'Win32_LogicalDisk' { $drive = New-Object IO.DriveInfo 'C'; [pscustomobject]@{ DeviceID = 'C:'; FreeSpace = $drive.AvailableFreeSpace; Size = $drive.TotalSize }; break }
        default { throw "Invalid class: the world does not know $ClassName" }
    }
}

# WQL as far as it is used: Name = 'x', ProcessId = 1, CommandLine LIKE '%x%', joined by AND or OR.
function global:Select-WorldProcess([string]$Filter) {
    $groups = @($Filter -split '(?i)\s+or\s+' | Where-Object { $_ })
    foreach ($one in Get-WorldProcess) {
        $fits = -not $groups
        foreach ($group in $groups) {
            $all = $true
            foreach ($term in $group -split '(?i)\s+and\s+') {
                if ($term.Trim('() ') -notmatch '(?i)^(Name|ProcessId|ParentProcessId|CommandLine)\s*(=|like)\s*[''"]?(.*?)[''"]?$') { throw 'Invalid query' }
                $value = "$($one.($Matches[1]))"
                $pattern = $Matches[3] -replace '\\\\', '\'
                $all = $all -and $(if ($Matches[2] -eq '=') { $value -eq $pattern } else { $value -like $pattern.Replace('[', '`[').Replace('%', '*') })
            }
            $fits = $fits -or $all
        }
        if ($fits) { [pscustomobject]@{ ProcessId = $one.ProcessId; Name = $one.Name; CommandLine = $one.CommandLine; ExecutablePath = $one.ExecutablePath; ParentProcessId = $one.ParentProcessId; CreationDate = $one.Started } }
    }
}

function global:Invoke-CimMethod {
    [CmdletBinding()] param([Parameter(ValueFromPipeline)]$InputObject, [string]$MethodName, [hashtable]$Arguments, [string]$ClassName)
    process { if ($MethodName -ne 'Terminate') { throw "Invalid method: the world does not know $MethodName" }; [World.Text]::Kill($InputObject.ProcessId) }
}

# The machine's clock is this computer's, put forward or back as it was ordered (the first time synchronisation).
function global:Get-Date {
    [CmdletBinding()] param([Parameter(Position = 0)]$Date, [string]$Format, [string]$UFormat)
    $made = if ($Date) { [datetime]$Date } else { [DateTime]::Now.AddSeconds([double]$(if ([World.Text]::IsFile("$env:WORLD_RUN/clock")) { [World.Text]::Read("$env:WORLD_RUN/clock") } else { 0 })) }
    if ($Format) { $made.ToString($Format) } else { $made }
}

function global:Restart-Computer {
    [CmdletBinding()] param([switch]$Force)
    if ($fault = Get-WorldFault 'Restart-Computer') { throw $fault }
    Write-WorldJournal 'restart' ''
    [World.Text]::Write("$env:WORLD_RUN/restart", 'now')
}
function global:Stop-Computer { [CmdletBinding()] param([switch]$Force) [World.Text]::Write("$env:WORLD_RUN/power-cut", 'shutdown') }

function global:Resolve-DnsName { [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Name, [string]$Type, [switch]$DnsOnly, [switch]$QuickTimeout) if ([World.Text]::IsFile("$env:WORLD_RUN/no-names")) { Write-Error "$Name : DNS name does not exist"; return }; [pscustomobject]@{ Name = $Name; IPAddress = '127.0.0.1' } }

# Both go through the machine's curl, so that they reach the local internet under its rules.
function global:Invoke-WebRequest {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Uri, [string]$OutFile, [int]$TimeoutSec = 100, [switch]$UseBasicParsing, [hashtable]$Headers, [string]$Method = 'GET', [int]$MaximumRedirection)
    $target = if ($OutFile) { $OutFile } else { [IO.Path]::GetTempFileName() }
    & curl.exe -f -s -S -L --max-time $TimeoutSec -o $target $Uri
    if ($LASTEXITCODE) { throw "Unable to connect to the remote server ($LASTEXITCODE)" }
    if (-not $OutFile) { $text = [IO.File]::ReadAllText($target); [IO.File]::Delete($target); [pscustomobject]@{ StatusCode = 200; Content = $text } }
}
function global:Invoke-RestMethod { [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Uri, [int]$TimeoutSec = 100, [switch]$UseBasicParsing, [hashtable]$Headers, [string]$Method = 'GET') (Invoke-WebRequest -Uri $Uri -TimeoutSec $TimeoutSec).Content }
