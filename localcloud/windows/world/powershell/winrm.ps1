# WinRM by its drive, WSMan:. The local guest opens the port when there is an HTTPS listener and the service runs.
function global:Assert-WorldWinrm { if ((Get-WorldService 'WinRM').Status -ne 'Running') { throw 'The client cannot connect to the destination specified in the request. Verify that the service on the destination is running.' } }

function global:Get-WorldListeners {
    $told = Read-WorldState 'winrm'
    if ($told.ContainsKey('listeners')) { $told.listeners } else { @{ 'Listener_1084132640' = @{ Transport = 'HTTP'; CertificateThumbprint = '' } } }
}

function global:Get-WorldWsmanChild([string]$Path) {
    Assert-WorldWinrm
    $listeners = Get-WorldListeners
    if ($Path -match 'Listener\\?$') {
        foreach ($name in $listeners.Keys) { [pscustomobject]@{ Name = $name; Keys = @("Transport=$($listeners[$name].Transport)", 'Address=*'); PSPath = "Microsoft.WSMan.Management\WSMan::localhost\Listener\$name" } }
        return
    }
    $name = ($Path -split '\\')[-1]
    if (-not $listeners.ContainsKey($name)) { throw "Cannot find path '$Path' because it does not exist." }
    foreach ($leaf in @{ Address = '*'; Transport = $listeners[$name].Transport; Port = $(if ($listeners[$name].Transport -eq 'HTTPS') { '5986' } else { '5985' }); Enabled = 'true'; CertificateThumbprint = $listeners[$name].CertificateThumbprint }.GetEnumerator()) { [pscustomobject]@{ Name = $leaf.Key; Value = $leaf.Value } }
}

# Policy values in the registry go before the service's own settings, and lock them.
$global:WorldServiceSettings = @{ 'AllowUnencrypted' = 'false'; 'Auth\Basic' = 'false'; 'Auth\CbtHardeningLevel' = 'Relaxed'; 'Auth\Negotiate' = 'true'; 'Auth\Kerberos' = 'true'; 'Auth\CredSSP' = 'false'; 'Auth\Certificate' = 'false'; 'MaxConcurrentOperationsPerUser' = '1500' }
function global:Get-WorldWinrmPolicy([string]$Key) {
    $policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WinRM\Service'
    switch ($Key) {
        'AllowUnencrypted' { $value = Get-WorldRegistryValue $policy 'AllowUnencryptedTraffic'; if ($null -ne $value) { @('false', 'true')[[int]$value] } }
        'Auth\Basic' { $value = Get-WorldRegistryValue $policy 'AllowBasic'; if ($null -ne $value) { @('false', 'true')[[int]$value] } }
        'Auth\CbtHardeningLevel' { if ((Get-WorldRegistryValue $policy 'CBTHardeningLevelStatus') -eq 1) { Get-WorldRegistryValue $policy 'CbtHardeningLevel' } }
    }
}

function global:Get-WorldWsman([string]$Path) {
    Assert-WorldWinrm
    if ($Path -match 'Listener') { if ($Path -match 'Listener\\?$') { return [pscustomobject]@{ Name = 'Listener' } }; return Get-WorldWsmanChild $Path }
    $key = $Path -replace '^WSMan:\\localhost\\Service\\', ''
    $known = $WorldServiceSettings.Keys | Where-Object { $_ -eq $key }
    if (-not $known) { throw "Cannot find path '$Path' because it does not exist." }
    $policy = Get-WorldWinrmPolicy $known
    $own = (Read-WorldState 'winrm').service
    $value = if ($policy) { $policy } elseif ($own -and $own[$known]) { $own[$known] } else { $WorldServiceSettings[$known] }
    [pscustomobject]@{ Name = ($known -split '\\')[-1]; Value = $value; SourceOfValue = if ($policy) { 'GPO' } else { '' } }
}

function global:Set-Item {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Path, [Parameter(Position = 1)]$Value, [switch]$Force)
    if ($Path -notmatch '^WSMan:') {
        if ($Path -match '^[Cc]:') { throw "Set-Item is not supported on files." }
        Microsoft.PowerShell.Management\Set-Item @PSBoundParameters
        return
    }
    Assert-WorldWinrm
    if (-not $Force) { throw 'Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.' }
    # WinRM's own library checks the networks, whatever the value is (public reports; PowerShell's switch does not help).
    if ((Get-WorldProfile) -eq 'Public' -and (Get-WorldFaults).ContainsKey('winrm-refuses-public')) { Write-WorldJournal 'fault' "winrm-refuses-public $Path"; throw 'WinRM firewall exception will not work since one of the network connection types on this machine is set to Public. Change the network connection type to either Domain or Private and try again.' }
    $key = $Path -replace '^WSMan:\\localhost\\Service\\', ''
    $known = $WorldServiceSettings.Keys | Where-Object { $_ -eq $key }
    if (-not $known) { throw "Cannot find path '$Path' because it does not exist." }
    if (Get-WorldWinrmPolicy $known) { throw 'The WS-Management service cannot process the request. The setting is controlled by Group Policy.' }
    if ($known -eq 'Auth\CbtHardeningLevel' -and $Value -notin 'None', 'Relaxed', 'Strict') { throw 'The value of CbtHardeningLevel is not valid.' }
    Edit-WorldState 'winrm' { param($winrm) if (-not $winrm.ContainsKey('service')) { $winrm.service = @{} }; $winrm.service[$known] = "$Value".ToLower() -replace 'strict', 'Strict' -replace 'relaxed', 'Relaxed' }
}

function global:New-WorldListener([string]$Path, [string]$Transport, [string]$Address, [string]$Print) {
    Assert-WorldWinrm
    if ($fault = Get-WorldFault 'listener') { throw $fault }
    if ($Path -ne 'WSMan:\localhost\Listener' -or $Transport -notin 'HTTP', 'HTTPS' -or $Address -ne '*') { throw 'The parameter is incorrect.' }
    $certificate = Get-WorldCertificate "Cert:\LocalMachine\My\$Print"
    if ($Transport -eq 'HTTPS' -and (-not $certificate -or $certificate.NotAfter -lt [datetime]::Now -or -not $certificate.HasPrivateKey)) { throw 'The WinRM client cannot process the request. The certificate thumbprint is not valid.' }
    $listeners = Get-WorldListeners
    if ($listeners.Values | Where-Object { $_.Transport -eq $Transport }) { throw 'The WS-Management service cannot create the resource because it already exists.' }
    # Seen on fresh images: nothing is made and nothing is said.
    if ((Get-WorldFaults).ContainsKey('listener-silent') -and -not $(Get-WorldFault 'listener-silent')) {
        $seen = [int][World.Text]::Read("$env:WORLD_RUN/fault-listener-silent")
        if ($seen -le [int](Get-WorldFaults)['listener-silent'].times) { return }
    }
    $listeners["Listener_$(Microsoft.PowerShell.Utility\Get-Random)"] = @{ Transport = $Transport; CertificateThumbprint = $Print }
    Edit-WorldState 'winrm' { param($winrm) $winrm.listeners = $listeners }
    Write-WorldJournal 'listener' $Transport
}

function global:Remove-WorldListener([string]$Path) {
    Assert-WorldWinrm
    $listeners = Get-WorldListeners
    $listeners.Remove(($Path -split '\\')[-1])
    Edit-WorldState 'winrm' { param($winrm) $winrm.listeners = $listeners }
}

function global:Get-WorldProfile { $told = (Read-WorldState 'winrm').profile; if ($told) { $told } else { 'Public' } }
function global:Get-NetConnectionProfile { [CmdletBinding()] param([string]$InterfaceAlias, [int[]]$InterfaceIndex) if ((Get-WorldFaults).ContainsKey('no-network-profile')) { Write-Error 'No MSFT_NetConnectionProfile objects found.' -Category ObjectNotFound; return }; [pscustomobject]@{ Name = 'Network'; InterfaceAlias = 'Ethernet'; InterfaceIndex = 5; NetworkCategory = Get-WorldProfile } }
function global:Set-NetConnectionProfile {
    [CmdletBinding()] param([string]$InterfaceAlias, [Parameter(ValueFromPipelineByPropertyName)][int]$InterfaceIndex, [ValidateSet('Public', 'Private')][string]$NetworkCategory)
    process { if ($fault = Get-WorldFault 'Set-NetConnectionProfile') { Write-Error $fault; return }; Edit-WorldState 'winrm' { param($winrm) $winrm.profile = $NetworkCategory } }
}
