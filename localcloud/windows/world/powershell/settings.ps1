# Registry, services, Defender, certificates.
function global:Split-WorldKey([string]$Path) { ($Path -replace '^HKLM:\\?|^Registry::HKEY_LOCAL_MACHINE\\', '').TrimEnd('\').ToLower() }

# Keys that Windows has; below them a key must be made before it gets values.
$global:WorldKeys = 'system\currentcontrolset\control', 'system\currentcontrolset\control\filesystem', 'system\currentcontrolset\control\session manager\memory management', 'system\currentcontrolset\services', 'software\microsoft\windows\currentversion', 'software\microsoft\windowsupdate\ux\settings', 'software\policies\microsoft\windows', 'software\policies\microsoft\windows\windowsupdate'

function global:Test-WorldRegistry([string]$Path) {
    $key = Split-WorldKey $Path
    @($WorldKeys | Where-Object { $_ -eq $key -or $_.StartsWith("$key\") }).Count -gt 0 -or @((Read-WorldState 'registry').Keys | Where-Object { $_ -eq $key -or $_.StartsWith("$key\") }).Count -gt 0
}

function global:New-WorldRegistryKey([string]$Path, [switch]$Force) {
    if ($fault = Get-WorldFault 'registry' $Path) { throw $fault }
    $key = Split-WorldKey $Path
    if ((Test-WorldRegistry $Path) -and -not $Force) { throw 'A key in this path already exists.' }
    $above = ($key -split '\\' | Select-Object -SkipLast 1) -join '\'
    if (-not $Force -and -not (Test-WorldRegistry "HKLM:\$above")) { throw 'The registry key at the specified path does not exist.' }
    # As in 5.1, forcing a key that is there empties it.
    Edit-WorldState 'registry' { param($registry) $registry[$key] = @{} }
    Get-WorldRegistryKey $Path
}

function global:Get-WorldRegistryKey([string]$Path) {
    if (-not (Test-WorldRegistry $Path)) { Write-Error "Cannot find path '$Path' because it does not exist." -Category ObjectNotFound; return }
    [pscustomobject]@{ Name = "HKEY_LOCAL_MACHINE\$(Split-WorldKey $Path)"; PSPath = $Path; Property = @(((Read-WorldState 'registry')[(Split-WorldKey $Path)] + @{}).Keys) }
}

function global:Get-WorldRegistryChild([string]$Path) {
    $key = Split-WorldKey $Path
    foreach ($name in (Read-WorldState 'registry').Keys) { if ($name.StartsWith("$key\")) { [pscustomobject]@{ PSPath = "HKLM:\$name"; PSChildName = $name.Substring($key.Length + 1) } } }
}

function global:Remove-WorldRegistryKey([string]$Path) { Edit-WorldState 'registry' { param($registry) foreach ($name in @($registry.Keys)) { if ($name -eq (Split-WorldKey $Path) -or $name.StartsWith("$(Split-WorldKey $Path)\")) { $registry.Remove($name) } } } }

function global:ConvertTo-WorldValue($Value, [string]$Type) {
    switch ($Type) {
        'DWord' { [int]$Value; break }
        'QWord' { [int64]$Value; break }
        'MultiString' { , [string[]]$Value; break }
        'Binary' { , [byte[]]$Value; break }
        default { if ($Value -is [int]) { $Value } else { "$Value" } }
    }
}

function global:Set-ItemProperty {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Path, [Parameter(Position = 1, Mandatory)][string]$Name, [Parameter(Position = 2)]$Value, [ValidateSet('DWord', 'QWord', 'String', 'MultiString', 'ExpandString', 'Binary')][Alias('PropertyType')][string]$Type, [switch]$Force)
    if ($fault = Get-WorldFault 'registry' "$Path $Name") { throw $fault }
    if ($Path -notmatch '^(HKLM:|Registry::HKEY_LOCAL_MACHINE)') { throw "The world's Set-ItemProperty knows HKLM: only, not $Path" }
    if (-not (Test-WorldRegistry $Path)) { Write-Error "Cannot find path '$Path' because it does not exist." -Category ObjectNotFound; return }
    $made = ConvertTo-WorldValue $Value $Type
    Edit-WorldState 'registry' { param($registry) $key = Split-WorldKey $Path; if (-not $registry.ContainsKey($key)) { $registry[$key] = @{} }; $registry[$key][$Name.ToLower()] = $made }
}

function global:New-ItemProperty {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Path, [Parameter(Position = 1, Mandatory)][string]$Name, $Value, [ValidateSet('DWord', 'QWord', 'String', 'MultiString', 'ExpandString', 'Binary')][Alias('Type')][string]$PropertyType, [switch]$Force)
    if (-not $Force -and $null -ne (Get-WorldRegistryValue $Path $Name)) { Write-Error 'The property already exists.' -Category ResourceExists; return }
    Set-ItemProperty -Path $Path -Name $Name -Value $Value -Type $PropertyType
    Get-ItemProperty -Path $Path -Name $Name
}

function global:Get-WorldRegistryValue([string]$Path, [string]$Name) { $key = (Read-WorldState 'registry')[(Split-WorldKey $Path)]; if ($key) { $key[$Name.ToLower()] } }

function global:Get-ItemProperty {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Path, [Parameter(Position = 1)][string]$Name)
    if ($Path -notmatch '^(HKLM:|Registry::HKEY_LOCAL_MACHINE)') { Microsoft.PowerShell.Management\Get-ItemProperty -Path (ConvertTo-WorldPath $Path); return }
    $values = (Read-WorldState 'registry')[(Split-WorldKey $Path)]
    if ($Name -and ($null -eq $values -or -not $values.ContainsKey($Name.ToLower()))) { Write-Error "Property $Name does not exist at path $Path." -Category InvalidArgument; return }
    $made = [pscustomobject]@{ PSPath = $Path }
    foreach ($one in $values.Keys) { $made | Add-Member NoteProperty $one $values[$one] }
    $made
}

function global:Get-ItemPropertyValue { [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Path, [Parameter(Position = 1, Mandatory)][string]$Name) $value = Get-WorldRegistryValue $Path $Name; if ($null -eq $value) { Write-Error "Property $Name does not exist at path $Path." } else { $value } }

function global:Remove-ItemProperty { [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Path, [Parameter(Position = 1, Mandatory)][string]$Name, [switch]$Force) Edit-WorldState 'registry' { param($registry) if ($registry[(Split-WorldKey $Path)]) { $registry[(Split-WorldKey $Path)].Remove($Name.ToLower()) } } }

# Services: those that the scripts touch or depend on.
$global:WorldServices = @{ WinRM = 'Automatic'; MpsSvc = 'Automatic'; WinDefend = 'Automatic'; wuauserv = 'Manual'; UsoSvc = 'Automatic'; Schedule = 'Automatic'; Winmgmt = 'Automatic'; W32Time = 'Manual'; TermService = 'Manual'; 'cloudbase-init' = 'Automatic'; NlaSvc = 'Automatic'; netprofm = 'Manual'; TATSvc = 'Automatic' }

function global:Get-WorldService([string]$Name) {
    $known = $WorldServices.Keys | Where-Object { $_ -eq $Name }
    if (-not $known) { return }
    $told = (Read-WorldState 'services')[$known]
    $running = $WorldServices[$known] -eq 'Automatic'
    @{ Name = $known; StartType = if ($told.StartType) { $told.StartType } else { $WorldServices[$known] }; Status = if ($told.Status) { $told.Status } elseif ($running) { 'Running' } else { 'Stopped' } }
}

function global:Get-Service {
    [CmdletBinding()] param([Parameter(Position = 0)][string[]]$Name)
    foreach ($one in $Name) {
        $service = Get-WorldService $one
        if (-not $service) { Write-Error "Cannot find any service with service name '$one'." -Category ObjectNotFound; continue }
        $made = [pscustomobject]@{ Name = $service.Name; DisplayName = $service.Name; Status = $service.Status; StartType = $service.StartType }
        $made | Add-Member ScriptMethod WaitForStatus { param($Wanted, $Time) $ends = [DateTime]::Now + $Time; while ((Get-WorldService $this.Name).Status -ne "$Wanted") { if ([DateTime]::Now -gt $ends) { throw 'Time out has expired and the operation has not been completed.' }; Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds 100 } }
        $made
    }
}

function global:Set-WorldService([string]$Name, [string]$Key, [string]$Value) {
    $service = Get-WorldService $Name
    if (-not $service) { throw "Cannot find any service with service name '$Name'." }
    Edit-WorldState 'services' { param($services) if (-not $services.ContainsKey($service.Name)) { $services[$service.Name] = @{} }; $services[$service.Name][$Key] = $Value }
}

function global:Set-Service { [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Name, [ValidateSet('Automatic', 'Manual', 'Disabled', 'Boot', 'System')][string]$StartupType, [ValidateSet('Running', 'Stopped', 'Paused')][string]$Status) if ($fault = Get-WorldFault 'Set-Service' $Name) { throw $fault }; if ($StartupType) { Set-WorldService $Name 'StartType' $StartupType }; if ($Status) { Set-WorldService $Name 'Status' $Status } }

function global:Start-Service {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Name)
    if ($fault = Get-WorldFault 'Start-Service' $Name) { Write-Error $fault; return }
    if ((Get-WorldService $Name).StartType -eq 'Disabled') { Write-Error "Service '$Name' cannot be started due to the following error: Cannot start service $Name on computer '.'."; return }
    Set-WorldService $Name 'Status' 'Running'
}
function global:Stop-Service { [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Name, [switch]$Force, [switch]$NoWait) if ($fault = Get-WorldFault 'Stop-Service' $Name) { Write-Error $fault; return }; Set-WorldService $Name 'Status' 'Stopped' }
function global:Restart-Service { [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][string]$Name, [switch]$Force) Stop-Service $Name; Start-Service $Name }

# Defender: works; off (an error that a caller may swallow); absent (no such command at all).
function global:Edit-WorldDefender([string[]]$Path, [bool]$Add) {
    if ((Get-WorldService 'WinDefend').Status -ne 'Running') { Write-Error 'Operation failed with the following error: 0x800106ba. Operation: MpPreference. Target: ConfigListExtension.'; return }
    Edit-WorldState 'defender' { param($defender) $kept = @($defender.exclusions | Where-Object { $_ -and $_ -notin $Path }); $defender.exclusions = if ($Add) { @($kept) + @($Path) } else { @($kept) } }
}
function global:Add-MpPreference { [CmdletBinding()] param([string[]]$ExclusionPath, [string[]]$ExclusionProcess, [switch]$Force) Edit-WorldDefender $ExclusionPath $true }
function global:Remove-MpPreference { [CmdletBinding()] param([string[]]$ExclusionPath, [string[]]$ExclusionProcess, [switch]$Force) Edit-WorldDefender $ExclusionPath $false }
function global:Get-MpPreference { [CmdletBinding()] param() [pscustomobject]@{ ExclusionPath = @((Read-WorldState 'defender').exclusions) } }

function global:Get-WorldCertificate([string]$Path) {
    $all = Read-WorldState 'certificates'
    foreach ($print in $all.Keys) {
        $one = $all[$print]
        if ($Path -notlike "*\$($one.store)" -and $Path -notlike "*$print") { continue }
        $made = [pscustomobject]@{ Thumbprint = $print; FriendlyName = $one.friendlyName; Subject = $one.subject; HasPrivateKey = $one.hasPrivateKey; NotAfter = [datetime]::Parse($one.notAfter); PSPath = "Cert:\LocalMachine\$($one.store)\$print" }
        $made.PSObject.TypeNames.Insert(0, 'World.Certificate')
        $made
    }
}

function global:Remove-WorldCertificate($Item) { $print = "$(if ($Item.Thumbprint) { $Item.Thumbprint } else { ("$Item" -split '\\')[-1] })"; Edit-WorldState 'certificates' { param($certificates) $certificates.Remove($print) } }

function global:New-SelfSignedCertificate {
    [CmdletBinding()] param([Parameter(Mandatory)][string[]]$DnsName, [string]$CertStoreLocation = 'Cert:\LocalMachine\My', [string]$FriendlyName, [datetime]$NotAfter = ([datetime]::Now.AddYears(1)), [ValidateSet('Exportable', 'ExportableEncrypted', 'NonExportable')][string]$KeyExportPolicy = 'ExportableEncrypted', [string]$KeyAlgorithm = 'RSA', [int]$KeyLength = 2048, [string]$HashAlgorithm, [string[]]$KeyUsage, [string]$Subject, [string]$Provider)
    if ($fault = Get-WorldFault 'New-SelfSignedCertificate') { throw $fault }
    if ($CertStoreLocation -notmatch '^Cert:\\LocalMachine\\My$') { throw 'The path of the certificate store is not supported.' }
    $key = [Security.Cryptography.RSA]::Create(2048)
    $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new("CN=$($DnsName[0])", $key, [Security.Cryptography.HashAlgorithmName]::SHA256, [Security.Cryptography.RSASignaturePadding]::Pkcs1)
    $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
    $DnsName | ForEach-Object { $names.AddDnsName($_) }
    $request.CertificateExtensions.Add($names.Build())
    $made = $request.CreateSelfSigned([DateTimeOffset]::Now.AddDays(-1), [DateTimeOffset]$NotAfter)
    $folder = "$env:WORLD_DISK/local-guest/certificates"
    [World.Text]::Folder($folder)
    [World.Text]::Write("$folder/$($made.Thumbprint).pem", $made.ExportCertificatePem())
    [World.Text]::Write("$folder/$($made.Thumbprint).key", $key.ExportPkcs8PrivateKeyPem())
    Edit-WorldState 'certificates' { param($certificates) $certificates[$made.Thumbprint] = @{ store = 'My'; friendlyName = $FriendlyName; subject = $made.Subject; hasPrivateKey = $true; notAfter = $NotAfter.ToString('s') } }
    Get-WorldCertificate "Cert:\LocalMachine\My\$($made.Thumbprint)"
}

# .NET on Linux cannot write to the machine's store of trusted publishers.
function global:New-Object {
    [CmdletBinding(DefaultParameterSetName = 'Net')] param([Parameter(Position = 0, Mandatory, ParameterSetName = 'Net')][string]$TypeName, [Parameter(Position = 1, ParameterSetName = 'Net')][object[]]$ArgumentList, [Parameter(ParameterSetName = 'Com', Mandatory)][string]$ComObject, [System.Collections.IDictionary]$Property)
    if ($ComObject) { throw "Retrieving the COM class factory for component $ComObject failed: the world has none." }
    if ($TypeName -notlike '*X509Store') { Microsoft.PowerShell.Utility\New-Object @PSBoundParameters; return }
    $made = [pscustomobject]@{ Name = $ArgumentList[0]; Location = $ArgumentList[1]; Opened = $false }
    $made | Add-Member ScriptMethod Open { param($how) $this.Opened = "$how" -eq 'ReadWrite' }
    $made | Add-Member ScriptMethod Add { param($certificate) if (-not $this.Opened) { throw 'The X509 certificate store is read-only.' }; Edit-WorldState 'trusted' { param($trusted) $trusted["$($certificate.Subject)"] = $this.Name } }
    $made | Add-Member ScriptMethod Close { $this.Opened = $false }
    $made
}

function global:Get-AuthenticodeSignature {
    [CmdletBinding()] param([Parameter(Position = 0, Mandatory)][Alias('LiteralPath')][string]$FilePath)
    if ($fault = Get-WorldFault 'Get-AuthenticodeSignature' $FilePath) { throw $fault }
    $place = [World.Drive]::Real($FilePath)
    if (-not [World.Text]::IsFile($place)) { Write-Error "File $FilePath was not found." -Category ObjectNotFound; return }
    $signer = [pscustomobject]@{ Subject = 'CN=NVIDIA Corporation, O=NVIDIA Corporation, L=Santa Clara, S=California, C=US'; Issuer = 'CN=DigiCert Trusted G4 Code Signing RSA4096 SHA384 2021 CA1, O="DigiCert, Inc.", C=US' }
    $head = [World.Text]::Head($place)
    if ($head.StartsWith('MZ{"program": "driver.exe"')) { return [pscustomobject]@{ Status = if ([World.Text]::IsWhole($place)) { 'Valid' } else { 'HashMismatch' }; SignerCertificate = $signer; Path = $FilePath } }
    [pscustomobject]@{ Status = if ($head.StartsWith('MZ')) { 'NotSigned' } else { 'UnknownError' }; SignerCertificate = $null; Path = $FilePath }
}
